"""Views for BI tools: a schema for each project that is opened to them, and roles that read it and nothing else.

The database's catalog is the record of what there is: a schema of ours has a comment that names its project.
"""
