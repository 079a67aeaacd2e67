<?php
/**
 * rcomet for PHP: publish, read, wait, and relay to browsers. One file, PHP 7.4 or later, no extensions and no exec().
 *
 *     require 'rcomet.php';
 *     $rcomet = new Rcomet\Client();
 *     $rcomet->write('news', 'hello');
 *     echo $rcomet->wait('news');
 *
 * Knows the HTTP API (docs/api.md) and keys (docs/control.md), over socket files and over TCP. Knows nothing of sessions, users or pages.
 *
 * Licence: MIT.
 */

declare(strict_types=1);

namespace Rcomet;

/** Whatever goes wrong here is one of these. Its message says what, and with whom. */
class Exception extends \RuntimeException
{
}

/** Nobody answers: no connection, one that broke, or an answer that did not come in time. Whether a publish was taken is not known. */
class Unreachable extends Exception
{
}

/** What answers is not rcomet, or speaks of something else. */
class Misunderstood extends Exception
{
}

/** The server says no. The code is the HTTP status. */
class Refused extends Exception
{
    /** @var string|null why, as rcomet says it; null when it was somebody in between */
    public $reason;
}

/** What cannot be asked, such as a channel without a name. Nothing was sent. */
class Unsuitable extends Exception
{
}

/** The value of a key, which is the latest message of its channel. As a string it is the text. */
final class Value
{
    /** @var string the channel's name */
    public $key;
    /** @var string the text that was published */
    public $data;
    /** @var int larger than that of every value before; what wait() goes on behind */
    public $version;
    /** @var int when it was published, in seconds since 1970 */
    public $time;
    /** @var int|null how many values are lost between the one that was waited behind and this one; null when nobody can say */
    public $missing;

    public function __construct(string $key, string $data, int $version, int $time, ?int $missing = 0)
    {
        $this->key = $key;
        $this->data = $data;
        $this->version = $version;
        $this->time = $time;
        $this->missing = $missing;
    }

    /** What was published as JSON. Throws Misunderstood when it is none. */
    public function json()
    {
        $value = \json_decode($this->data, true);
        if ($value === null && \json_last_error() !== \JSON_ERROR_NONE) {
            throw new Misunderstood("the value of {$this->key} is no JSON: " . \json_last_error_msg());
        }
        return $value;
    }

    public function __toString(): string
    {
        return $this->data;
    }
}

/**
 * One daemon. Addresses are `unix:/PATH` for a socket file, `http://HOST:PORT`, or `https://HOST:PORT` (with the openssl extension).
 * A key, which is a channel, is a string, a number, or a list of both. Every method throws Exception, or one of its kinds.
 */
class Client
{
    /** Bytes of an answer that are read at most. */
    private const ANSWER_BYTES_MAX = 67108864;
    /** Seconds for which it is worth asking again. */
    private const HELD_SECONDS_MIN = 0.1;
    /** The system's number for what this user may not do. */
    private const EACCES = 13;

    /** @var string */
    private $address;
    /** @var float seconds */
    private $timeout;

    /**
     * @param string|null $address of the control socket, or of the admin side; null looks for the socket where the command line does
     * @param float       $timeout seconds for an answer, beyond those that are waited
     */
    public function __construct(?string $address = null, float $timeout = 5.0)
    {
        $this->address = $address ?? self::find();
        $this->timeout = $timeout;
    }

    /** Where the daemon is asked. */
    public function address(): string
    {
        return $this->address;
    }

    /** Where the daemon's control socket is, or else its admin side. */
    private static function find(): string
    {
        if (\getenv('RCOMET_CONTROL')) {
            return 'unix:' . \getenv('RCOMET_CONTROL');
        }
        $forbidden = null;
        foreach (self::places(self::isRoot()) as $place) {
            $socket = @\stream_socket_client("unix://$place", $code, $why, 1.0);
            if ($socket !== false) {
                \fclose($socket);
                return "unix:$place";
            }
            // When nobody else answers, what is asked there says why.
            $forbidden = $forbidden ?? ($code === self::EACCES ? "unix:$place" : null);
        }
        return $forbidden ?? 'http://127.0.0.1:8000';
    }

    /** @return string[] where the control socket may be, the first first: docs/control.md, "Where the socket is" */
    private static function places(bool $isRoot): array
    {
        $system = '/run/rcomet/control.sock';
        $own = [];
        foreach (['XDG_RUNTIME_DIR' => '/rcomet/control.sock', 'HOME' => '/.rcomet/control.sock'] as $folder => $rest) {
            if (\getenv($folder)) {
                $own[] = \getenv($folder) . $rest;
            }
        }
        return $isRoot ? \array_merge([$system], $own) : \array_merge($own, [$system]);
    }

    private static function isRoot(): bool
    {
        if (\function_exists('posix_geteuid')) {
            return \posix_geteuid() === 0;
        }
        // Real and effective user. The owner of /proc/self is another one in a worker of PHP-FPM.
        return \preg_match('/^Uid:\s+\d+\s+0\s/m', (string) @\file_get_contents('/proc/self/status')) === 1;
    }

    /**
     * The name of the channel for a key. A list gets the name that CometServer's class gives it, so that pages which still use that
     * meet those that use this.
     *
     * @param string|int|float|array $key
     */
    public static function channel($key): string
    {
        if (\is_array($key) && $key !== [] && \array_keys($key) === \range(0, \count($key) - 1)) {
            $parts = \array_map(static function ($part): string {
                return \urlencode(self::channel($part));
            }, $key);
            return \urlencode(\serialize($parts));
        }
        if (\is_int($key) || \is_float($key) || (\is_string($key) && $key !== '')) {
            return (string) $key;
        }
        $what = \is_string($key) ? 'an empty string' : (\is_array($key) ? 'an empty list or one with names' : \gettype($key));
        throw new Unsuitable("a channel is named by a string, a number or a list of them, and not by $what");
    }

    /**
     * Writes a key, which publishes to its channel: who waits or listens is pushed the value. What is no string is written as its
     * JSON text. The value stays until it is deleted, or for `ttl` seconds. Gives its version.
     */
    public function write($key, $data, int $ttl = 0): int
    {
        $text = \is_string($data) ? $data : self::encode($data);
        $answer = $this->key('PUT', $key, '', $ttl > 0 ? ['ttl' => $ttl] : [], $text);
        return self::field($answer, 'version', 'integer');
    }

    /** The latest value, as it is now; null when there is none. An empty text is a value. */
    public function read($key): ?Value
    {
        return self::value($this->key('GET', $key, '', [], null, 0.0, true), self::channel($key));
    }

    /**
     * Waits for the next value: the next behind a version or a value, of which each comes once and in order, or without one the next that
     * is written. 0 is behind nothing: the latest, at once if there is one. Null when nothing came in time, or the key was deleted.
     *
     * @param Value|int|null $after
     */
    public function wait($key, $after = null, float $seconds = 25.0): ?Value
    {
        $answer = $this->next($key, $after instanceof Value ? $after->version : $after, $seconds);
        return self::nothing($answer) ? null : self::value($answer, self::channel($key));
    }

    /**
     * As wait(), and where to go on: the value or null, and the version behind which the next wait begins. Without a version it begins
     * behind the value that is there now, so nothing is lost between two waits of which the first had nothing.
     *
     * @return array{0: Value|null, 1: int}
     */
    public function waitOn($key, ?int $after = null, float $seconds = 25.0): array
    {
        if ($after === null) {
            $latest = $this->read($key);
            $after = $latest === null ? 0 : $latest->version;
        }
        $answer = $this->next($key, $after, $seconds);
        if (self::nothing($answer)) {
            return [null, \is_int($answer['since'] ?? null) ? $answer['since'] : $after];
        }
        $value = self::value($answer, self::channel($key));
        return [$value, $value->version];
    }

    /** Asks until something has come or the time is up: the daemon holds a poll no longer than its `icomet.polling_timeout_ms`. */
    private function next($key, ?int $after, float $seconds): array
    {
        $until = \microtime(true) + $seconds;
        $answer = null;
        do {
            $asked = \microtime(true);
            $query = ['wait' => (int) \max(1, \ceil($until - $asked))] + ($after === null ? [] : ['since' => $after]);
            try {
                $answer = $this->key('GET', $key, '', $query, null, $query['wait']);
            } catch (Unreachable $gone) {
                // It was there before, and has said where to go on: that is kept. Who asks next hears that it is gone.
                if ($answer === null) {
                    throw $gone;
                }
                return $answer;
            }
            $after = $answer['since'] ?? $after;
            $now = \microtime(true);
            // What is answered without any waiting is not asked again and again: the daemon leaves, or holds no polls.
            $again = isset($answer['timeout']) && $now - $asked >= self::HELD_SECONDS_MIN && $until - $now >= self::HELD_SECONDS_MIN;
        } while ($again);
        return $answer;
    }

    private static function nothing(array $answer): bool
    {
        return isset($answer['timeout']) || isset($answer['deleted']);
    }

    /** Announces the latest value once more, unchanged, so that who waits hears it again. Its new version; null when there is none. */
    public function refresh($key): ?int
    {
        $answer = $this->key('POST', $key, '/refresh', [], null, 0.0, true);
        return $answer === null ? null : self::field($answer, 'version', 'integer');
    }

    /** Deletes a key and its value. False when there was none. */
    public function delete($key): bool
    {
        return $this->key('DELETE', $key, '', [], null, 0.0, true) !== null;
    }

    /**
     * All keys that have a value and begin so, in the order in which they were made.
     *
     * @return Value[]
     */
    public function dump(string $prefix = ''): array
    {
        $values = [];
        $query = ['prefix' => $prefix, 'limit' => 1000];
        do {
            $answer = $this->ask('GET', $this->address, '/keys', $query);
            foreach (self::field($answer, 'keys', 'array') as $each) {
                $bytes = isset($each['key_base64']) ? \base64_decode((string) $each['key_base64'], true) : false;
                $values[] = self::value($each, $bytes === false ? self::field($each, 'key', 'string') : $bytes);
            }
            $query['after'] = self::field($answer, 'after', 'integer', true);
        } while ($query['after'] !== null);
        return $values;
    }

    /** Publishes to a channel, which does not make it stay as write() does. Gives `channel`, its number `seq` there, and `cursor`. */
    public function publish($key, $data): array
    {
        return $this->publishAll([[$key, $data]])[0];
    }

    /**
     * Publishes several messages: all of them, or none.
     *
     * @param array<array{0: string|int|float|array, 1: mixed}> $messages pairs of a channel and what is published there
     * @return array[] as publish(), in the same order
     */
    public function publishAll(array $messages): array
    {
        $bodies = [];
        foreach ($messages as $message) {
            if (!\is_array($message) || \array_keys($message) !== [0, 1]) {
                throw new Unsuitable('messages are pairs: [channel, data]');
            }
            $text = \is_string($message[1]) ? $message[1] : self::encode($message[1]);
            $bodies[] = ['channel' => self::channel($message[0]), 'data' => $text];
        }
        if ($bodies === []) {
            return [];
        }
        $answer = $this->ask('POST', $this->address, '/publish', [], self::encode(['messages' => $bodies]));
        $published = self::field($answer, 'published', 'array');
        if (\count($published) !== \count($bodies)) {
            throw new Misunderstood("{$this->address} was given " . \count($bodies) . ' messages and speaks of ' . \count($published));
        }
        return $published;
    }

    /** A token for subscribing to a channel, to be rendered into a page. Good for so many seconds without a subscriber. */
    public function sign($key, int $expires = 60): string
    {
        $answer = $this->ask('GET', $this->address, '/sign', ['cname' => self::channel($key), 'expires' => $expires]);
        return self::field($answer, 'token', 'string');
    }

    /**
     * Asks, and gives the answer's JSON. For what has no method here.
     *
     * @param array<string, mixed> $query a list is said once for each of its items
     */
    public function ask(string $method, string $address, string $path, array $query = [], ?string $body = null, float $wait = 0.0): array
    {
        [$status, $text] = $this->exchange($method, $address, $path, $query, $body, 'application/json', $wait);
        if ($status === 204) {
            return [];
        }
        $answer = \json_decode($text, true);
        if ($status !== 200) {
            $reason = \is_array($answer) ? $answer['detail'] ?? $answer['content'] ?? null : null;
            $why = \is_string($reason) ? $reason : (\trim(\substr($text, 0, 200)) ?: 'no reason given');
            $refused = new Refused("$address refuses $method $path: $why ($status)", $status);
            $refused->reason = \is_string($reason) ? $reason : null;
            throw $refused;
        }
        if (!\is_array($answer)) {
            throw new Misunderstood("what answers at $address is not rcomet: no JSON for $method $path");
        }
        return $answer;
    }

    /**
     * One request and its answer, as they are: for relays.
     *
     * @return array{0: int, 1: string} status and body
     */
    public function exchange(
        string $method,
        string $address,
        string $path,
        array $query,
        ?string $body,
        string $accept,
        float $wait
    ): array {
        [$target, $host, $base] = self::target($address);
        $pairs = [];
        foreach ($query as $name => $values) {
            foreach ((array) $values as $value) {
                $pairs[] = \rawurlencode((string) $name) . '=' . \rawurlencode((string) $value);
            }
        }
        $head = "$method $base$path" . ($pairs === [] ? '' : '?' . \implode('&', $pairs)) . " HTTP/1.1\r\nHost: $host\r\n";
        $head .= "Accept: $accept\r\nConnection: close\r\nUser-Agent: rcomet-php\r\n";
        if ($body !== null) {
            $type = $method === 'PUT' ? 'application/octet-stream' : 'application/json';
            $head .= "Content-Type: $type\r\nContent-Length: " . \strlen($body) . "\r\n";
        }
        $answer = $this->carry($target, $address, "$head\r\n$body", \microtime(true) + $this->timeout + $wait);
        if (!\preg_match('~\AHTTP/1\.[01] (\d{3})[^\r\n]*\r\n((?:[^\r\n]+\r\n)*)\r\n~', $answer, $match)) {
            throw new Misunderstood("what answers at $address does not speak HTTP");
        }
        $body = (string) \substr($answer, \strlen($match[0]));
        if (\preg_match('~^Transfer-Encoding:[ \t]*chunked~mi', $match[2])) {
            $body = self::dechunk($body);
        } elseif (\preg_match('~^Content-Length:[ \t]*(\d+)~mi', $match[2], $length) && \strlen($body) < (int) $length[1]) {
            $body = null;
        }
        if ($body === null) {
            throw new Unreachable("$address broke off in the middle of its answer to $method $path");
        }
        return [(int) $match[1], $body];
    }

    /** Sends, and reads until the other side has finished. */
    private function carry(string $target, string $address, string $request, float $until): string
    {
        $left = static function () use ($until): float {
            return \max(0.001, $until - \microtime(true));
        };
        $socket = @\stream_socket_client($target, $code, $why, \min($this->timeout, $left()));
        if ($socket === false) {
            throw new Unreachable("no connection to rcomet at $address: " . ($why ?: 'unknown error') . ". Does it run, and may this user connect?");
        }
        try {
            $wait = static function () use ($socket, $left): void {
                \stream_set_timeout($socket, (int) $left(), (int) (\fmod($left(), 1) * 1e6));
            };
            for ($sent = 0; $sent < \strlen($request); $sent += $wrote) {
                $wait();
                $wrote = @\fwrite($socket, \substr($request, $sent, 65536));
                if ($wrote === false || $wrote === 0) {
                    break; // an answer may be there already: a refusal of what is too large
                }
            }
            for ($answer = ''; !\feof($socket); $answer .= $part) {
                $wait();
                $part = (string) @\fread($socket, 65536);
                if (\microtime(true) >= $until || (\stream_get_meta_data($socket)['timed_out'] && $part === '')) {
                    throw new Unreachable("no answer from $address in time");
                }
                if (\strlen($answer) > self::ANSWER_BYTES_MAX) {
                    throw new Misunderstood("the answer of $address is longer than " . self::ANSWER_BYTES_MAX . ' bytes');
                }
            }
        } finally {
            \fclose($socket);
        }
        if ($answer === '') {
            throw new Unreachable("$address closed the connection without an answer");
        }
        return $answer;
    }

    /** @return array{0: string, 1: string, 2: string} for stream_socket_client, for Host, and what stands before every path */
    private static function target(string $address): array
    {
        if (\preg_match('~\Aunix:(?://)?(/.+)\z~', $address, $match)) {
            return ["unix://{$match[1]}", 'localhost', ''];
        }
        if (\preg_match('~\A(https?)://([^/?#@\s:]+|\[[0-9a-f:.]+\])(?::(\d+))?(/[^?#\s]*)?\z~i', $address, $match)) {
            $tls = \strtolower($match[1]) === 'https';
            if ($tls && !\extension_loaded('openssl')) {
                throw new Unsuitable("$address takes PHP's openssl extension");
            }
            $port = ($match[3] ?? '') === '' ? ($tls ? '443' : '80') : $match[3];
            return [($tls ? 'tls' : 'tcp') . "://{$match[2]}:$port", "{$match[2]}:$port", \rtrim($match[4] ?? '', '/')];
        }
        throw new Unsuitable("'$address' is no address: http://HOST:PORT, https://HOST:PORT or unix:/PATH is expected");
    }

    /** A body without its chunks' heads; null when its end is missing. */
    private static function dechunk(string $body): ?string
    {
        for ($whole = '', $at = 0; \preg_match('~\G([0-9a-f]{1,7})[^\r\n]*\r\n~i', $body, $match, 0, $at); $at += $size + 2) {
            $size = (int) \hexdec($match[1]);
            $at += \strlen($match[0]);
            if ($size === 0) {
                return $whole;
            }
            $whole .= \substr($body, $at, $size);
        }
        return null;
    }

    private static function encode($value): string
    {
        $text = \json_encode($value, \JSON_UNESCAPED_UNICODE | \JSON_UNESCAPED_SLASHES | \JSON_PRESERVE_ZERO_FRACTION);
        if ($text === false) {
            throw new Unsuitable('this cannot be published: ' . \json_last_error_msg());
        }
        return $text;
    }

    private static function value(?array $object, string $key): ?Value
    {
        if ($object === null) {
            return null;
        }
        $bytes = isset($object['base64']) ? \base64_decode($object['base64'], true) : self::field($object, 'value', 'string');
        $missing = \array_key_exists('missing', $object) ? self::field($object, 'missing', 'integer', true) : 0;
        return new Value($key, (string) $bytes, self::field($object, 'version', 'integer'), self::field($object, 'time', 'integer'), $missing);
    }

    /** What is asked of a key. Null for one that is not there, where that is no error. */
    private function key(string $method, $key, string $rest, array $query, ?string $body = null, float $wait = 0.0, bool $orNull = false): ?array
    {
        try {
            return $this->ask($method, $this->address, '/keys/' . \rawurlencode(self::channel($key)) . $rest, $query, $body, $wait);
        } catch (Refused $refused) {
            if ($orNull && $refused->getCode() === 404 && $refused->reason !== null) {
                return null;
            }
            throw $refused;
        }
    }

    /** A field of an answer, if it has the type that it should have. */
    private static function field($object, string $name, string $type, bool $orNull = false)
    {
        $value = \is_array($object) ? $object[$name] ?? null : null;
        if (\gettype($value) === $type || ($orNull && $value === null)) {
            return $value;
        }
        throw new Misunderstood("an answer has no $type '$name': is this rcomet, and of this version?");
    }
}
