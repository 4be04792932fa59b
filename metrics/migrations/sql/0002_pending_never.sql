-- Since when stored events are missing from the rollups: never, they are written in one transaction.
CREATE VIEW rollup_pending AS SELECT NULL::timestamptz AS since WHERE false;
