-- Forgets the account; what lies in a broker stays there.
DROP TABLE bus_attempt, bus_look, bus_held;
