-- name: gateway
-- Needs what appending and the bus's depth need.
SELECT FROM inbox, bus_counter WHERE inbox.events IS NULL AND bus_counter.slot IS NULL;

-- name: read
-- Needs what questions need.
SELECT FROM event, bus_counter WHERE event.ts IS NULL AND bus_counter.slot IS NULL;
