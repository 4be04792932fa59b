"""The words that all questions share: in: parameters and JSON; out: checked values, and the SQL that they mean.

Nothing of a user's enters SQL text: values and property names are bound.
"""
