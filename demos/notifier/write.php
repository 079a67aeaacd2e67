<?php
// Writes notes, and announces the last one again: as a page of its own with a form, and for the form of index.html.
require __DIR__ . '/key.php';

$field = static function (string $name): string {
    return is_string($_POST[$name] ?? null) ? $_POST[$name] : '';
};
$escaped = static function (string $text): string {
    return htmlspecialchars($text, ENT_QUOTES | ENT_SUBSTITUTE, 'UTF-8');
};
$who = who($_POST);
$key = keyOf($who);
$said = '';
$status = 200;

if ($_SERVER['REQUEST_METHOD'] === 'POST') {
    try {
        // A form on somebody else's page must not write here. Browsers say where a request comes from.
        if (!in_array($_SERVER['HTTP_SEC_FETCH_SITE'] ?? 'same-origin', ['same-origin', 'none'], true)) {
            throw new Rcomet\Unsuitable('this form is on another site');
        }
        $rcomet = new Rcomet\Client();
        if ($field('refresh') !== '') {
            $said = $rcomet->refresh($key) === null ? "there is nothing at $key yet" : "$key was announced again";
        } elseif ($field('text') === '') {
            throw new Rcomet\Unsuitable('there is no text');
        } else {
            $said = "written to $key, version " . $rcomet->write($key, $field('text'));
        }
    } catch (Rcomet\Exception $error) {
        $status = $error instanceof Rcomet\Unreachable ? 502 : 400;
        $said = $error->getMessage();
    }
    http_response_code($status);
    if (strpos($_SERVER['HTTP_ACCEPT'] ?? '', 'application/json') !== false) {
        header('Content-Type: application/json');
        echo json_encode($status === 200 ? ['type' => 'ok'] : ['type' => 'error', 'detail' => $said]);
        return;
    }
}
?>
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Write a note</title>
<link rel="stylesheet" href="page.css">
</head>
<body>
<main>
<h1>Write a note</h1>
<p class="lead">It pops up on <a href="./<?= $who === '' ? '' : "?for=$who" ?>">the page with the bubbles</a>.</p>
<?php if ($said !== '') { ?><p role="status"><?= $escaped($said) ?></p><?php } ?>
<form method="post">
  <label class="field text">Text <input name="text" maxlength="1000" required autofocus autocomplete="off" dir="auto"></label>
  <label class="field">For (nobody means everybody) <input name="for" maxlength="40" pattern="[\w\-]*" value="<?= $escaped($who) ?>" autocomplete="off"></label>
  <p class="buttons"><button>Write</button> <button name="refresh" value="1" formnovalidate>Announce the last again</button></p>
</form>
</main>
</body>
</html>
