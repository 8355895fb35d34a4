// A loop over the clients with the `ws` package, as a reference for the benchmarks.
//   NODE_PATH=<a node_modules that has ws> node server.js PORT
'use strict';

const { WebSocketServer, WebSocket } = require('ws');

const server = new WebSocketServer({ host: '127.0.0.1', port: Number(process.argv[2]), path: '/ws', backlog: 1024 });

function relay(data, binary) {
  for (const client of server.clients) {
    if (client.readyState === WebSocket.OPEN) client.send(data, { binary });
  }
}

server.on('connection', (client) => {
  client.on('message', relay);
  client.on('error', () => client.terminate());
});

process.on('SIGTERM', () => process.exit(0));
