"""The campaign of faults: an oracle outside of Sluice sends events while it is hurt, and checks every promise after."""
