-- name: number
-- Reads a property as a number; what is not a JSON number counts as absent.
CASE WHEN jsonb_typeof(e.props -> {name}) = 'number' THEN (e.props ->> {name})::numeric END

-- name: equals
-- Compares as text, and as a number where both are one (1 equals 1.0).
({field} = ANY({values}) OR coalesce({number} = ANY({numbers}), false))

-- name: persons
-- Whom some ids stand for, looked up once.
ARRAY(SELECT coalesce(k.user_id, named.id)
      FROM unnest({ids}::text[]) AS named (id) LEFT JOIN user_alias k ON k.project_id = {project} AND k.alias = named.id)
