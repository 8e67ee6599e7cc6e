"""Real nodes under real faults, and a history that the simulator's checkers judge."""
