// Faye as a peer of the comparison: memory engine, long time-outs, no extensions. Arguments: port.
'use strict';
const http = require('http');
const faye = require('faye');

const bayeux = new faye.NodeAdapter({ mount: '/bayeux', timeout: 120 });
const server = http.createServer();
server.keepAliveTimeout = 3600 * 1000;
server.requestTimeout = 0;
bayeux.attach(server);
server.listen({ port: Number(process.argv[2]), host: '127.0.0.1', backlog: 4096 }, () => console.error('listening'));
