-- Forgets the lists.
DROP TABLE segment_member;
