"""The gateway over real HTTP: uvicorn, real sockets, a read side in memory."""
