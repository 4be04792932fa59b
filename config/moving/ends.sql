-- name: settle
-- Lets statements take their time, and has both servers write the same text for the same row.
SELECT set_config(name, value, false)
FROM (VALUES ('statement_timeout', '0'), ('transaction_timeout', '0'), ('lock_timeout', '60s'),
             ('idle_in_transaction_session_timeout', '0'), ('idle_session_timeout', '0'), ('timezone', 'UTC'),
             ('datestyle', 'ISO'), ('intervalstyle', 'postgres'), ('bytea_output', 'hex'), ('extra_float_digits', '1')
     ) AS wanted (name, value) JOIN pg_settings USING (name);

-- name: unbound_columnstore
-- Rows may be replaced in chunks that lie in columns already, however many. Unknown elsewhere, and without effect.
SET timescaledb.max_tuples_decompressed_per_dml_transaction = 0;

-- name: hold_events
-- Keeps days from being dropped under the snapshot; taken before it, as its rows would otherwise vanish from it.
LOCK TABLE event IN ACCESS SHARE MODE;
