//! A Halo cluster in network namespaces on one machine.
