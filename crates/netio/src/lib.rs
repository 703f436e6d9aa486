//! Every effect on the operating system: netlink, raw sockets, namespaces, processes.
