"""All that a project needs: pytest finds the plugin by itself, and the plugin finds ``benches/virtual.toml``.

``pytest --bench FILE`` puts the same suites on another bench.
"""
