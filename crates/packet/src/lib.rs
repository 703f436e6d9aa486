//! Codecs for the packets Halo puts on the wire: Ethernet, ARP and VRRP.
