-- What is known about the rollups as a whole; exactly one row. Raw events before `sealed_before` were dropped: the
-- rollups alone know these days, and are never computed again. `lag`: what is younger is read from the raw events.
CREATE TABLE rollup_bounds (
    single boolean PRIMARY KEY DEFAULT true CHECK (single),
    sealed_before timestamptz NOT NULL DEFAULT '-infinity',
    lag interval NOT NULL DEFAULT '10 minutes'
);
INSERT INTO rollup_bounds DEFAULT VALUES;
