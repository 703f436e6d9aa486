//! The data plane: listeners, TCP and HTTP proxying, upstream pools and drain.
