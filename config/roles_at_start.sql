-- name: gateway
-- Needs what appending, the bus's depth and the lookup of a key need.
SELECT FROM inbox, bus_counter, tracking_plan
WHERE inbox.events IS NULL AND bus_counter.slot IS NULL AND tracking_plan.version IS NULL;

-- name: read
-- Needs what questions need.
SELECT FROM event, bus_counter, project_answers, user_alias, metric_definition, segment
WHERE event.ts IS NULL AND bus_counter.slot IS NULL AND project_answers.project_id IS NULL
  AND user_alias.project_id IS NULL AND metric_definition.id IS NULL AND segment.id IS NULL;
