"""`make fuzz`: requests nobody would send, made from the OpenAPI document, against a server of its own."""
