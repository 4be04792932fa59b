-- Forgets who is who, and what arrives; both can be learned again only from the events.
DROP TABLE observed_property;
DROP VIEW person_trait;
DROP TABLE user_trait, user_alias;
