"""Three processes as one cluster, under real clients: nodes, traffic, scenarios, tools, mistakes."""
