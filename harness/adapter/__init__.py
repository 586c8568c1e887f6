"""Real CAN channels: python-can's adapters, and the process that owns one."""
