"""A proxy that breaks event streams on purpose, and plays recorded ones: `foundry-chaos-proxy`.

For a client in any language: point it at the proxy, and see that it still ends with the right views.
"""
