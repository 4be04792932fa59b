-- Old chunks become columns. A batch of a segment is 1,000 events of one project and type, in order of time.
ALTER TABLE event SET (
    timescaledb.compress,
    timescaledb.compress_segmentby = 'project_id, type',
    timescaledb.compress_orderby = 'ts, event_id'
);
