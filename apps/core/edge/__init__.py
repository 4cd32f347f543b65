"""The edge: what stands between the network and Django, and what every door lets through."""
