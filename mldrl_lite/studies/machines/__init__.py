"""One training on many machines: the script, hosts made of network namespaces, how the script is started on them."""
