//! The VRRP virtual-router state machine (RFC 9568), without clock or sockets.
