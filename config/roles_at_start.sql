-- name: gateway
-- Needs what appending, the bus's depth and the lookup of a key need.
SELECT FROM inbox, bus_counter, tracking_plan
WHERE inbox.events IS NULL AND bus_counter.slot IS NULL AND tracking_plan.version IS NULL;

-- name: read
-- Needs what questions need.
SELECT FROM event, bus_counter WHERE event.ts IS NULL AND bus_counter.slot IS NULL;
