"""What commands there are, one decider per aggregate, and the HTTP routes that take them."""
