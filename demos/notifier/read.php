<?php
// What the page listens to where it cannot reach the daemon: one long poll after the other.
require __DIR__ . '/key.php';
require __DIR__ . '/../../clients/php/relay.php';

$relay = new Rcomet\Relay(new Rcomet\Client(), keyOf(who($_GET)));

// With format=xml, for pages that use CometServer's JavaScript helper.
($_GET['format'] ?? '') === 'xml' ? $relay->answerXml() : $relay->answer();
