-- name: naming
-- Lists a project's letters in whose bytes one of some texts stands, whatever became of them, newest first.
SELECT id FROM dead_letter
WHERE project_id = %(project_id)s
  AND EXISTS (
      SELECT FROM unnest(%(texts)s::bytea[]) AS wanted (text)
      WHERE position(wanted.text IN raw) > 0 OR position(wanted.text IN coalesce(edited, '')) > 0)
ORDER BY id DESC LIMIT %(limit)s;
