"""The tracking plan. In: JSON Schemas by event type. Out: what the gateway refuses or marks, and how often it did."""
