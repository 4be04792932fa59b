"""Moving an installation into another database, as often as one likes, until the two are equal: `manage.py copy_to`.

In: the database that Sluice runs on, seen in one snapshot. Out: the same rows in another one, proved by counts and
checksums. What differs is copied, what is equal is left alone: an interrupted copy goes on when it is run again.
"""
