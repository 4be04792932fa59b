-- Removes the rollups of defined metrics; they can be computed from the raw events.
DROP TABLE metric_note,
    rollup_metric_dense_1m, rollup_metric_dense_1h, rollup_metric_dense_1d,
    rollup_metric_user_1m, rollup_metric_user_1h, rollup_metric_user_1d,
    rollup_metric_bin_1m, rollup_metric_bin_1h, rollup_metric_bin_1d,
    rollup_metric_1m, rollup_metric_1h, rollup_metric_1d;
