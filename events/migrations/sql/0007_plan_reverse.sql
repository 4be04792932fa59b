-- Forgets the counts.
DROP TABLE plan_violation;
