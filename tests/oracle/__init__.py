"""The product's answers against DuckDB's: the same events as they were sent, and SQL that was written for the oracle.

A kind of question is a module here with an `.sql` file beside it; `expected` asks DuckDB, `found` reads the product's
answer into the same form. Times are microseconds since 1970 on both sides.
"""
