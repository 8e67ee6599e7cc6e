"""The parts of the real-clients harness: installing, brokers, the wire, checks."""
