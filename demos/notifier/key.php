<?php
// Whose notes these are, for read.php and write.php.
require __DIR__ . '/../../clients/php/rcomet.php';

/** Who is named in these fields; '' for everybody. A real page takes who it is for from its login. */
function who(array $fields): string
{
    $who = $fields['for'] ?? '';
    return is_string($who) && preg_match('/\A[\w-]{1,40}\z/', $who) ? $who : '';
}

/** The key of their notes. */
function keyOf(string $who): string
{
    return $who === '' ? 'chat.notes' : "chat.notes.$who";
}
