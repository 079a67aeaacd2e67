<?php
// What the page listens to where it cannot reach the daemon: one long poll after the other.
require __DIR__ . '/../../clients/php/rcomet.php';
require __DIR__ . '/../../clients/php/relay.php';

// A real page takes who it is for from its login.
$who = is_string($_GET['for'] ?? null) && preg_match('/\A[\w-]{1,40}\z/', $_GET['for']) ? ".{$_GET['for']}" : '';
$relay = new Rcomet\Relay(new Rcomet\Client(), "chat.notes$who");

// With format=xml, for pages that use CometServer's JavaScript helper.
($_GET['format'] ?? '') === 'xml' ? $relay->answerXml() : $relay->answer();
