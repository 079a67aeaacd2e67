<?php
/**
 * A relay for hosting where browsers reach nothing but PHP: a page of yours holds a long poll open towards rcomet, over its socket
 * file or port, and hands on what comes.
 *
 *     require 'rcomet.php';
 *     require 'relay.php';
 *     (new Rcomet\Relay(new Rcomet\Client(), 'notes'))->answer();
 *
 * One browser that waits is one PHP worker that waits. Where the web server can be told to pass requests on, that is better.
 *
 * Licence: MIT.
 */

declare(strict_types=1);

namespace Rcomet;

/** One request of a browser, asked again of rcomet. The page says what may be heard: a visitor cannot ask for anything else. */
final class Relay
{
    /** @var Client */
    private $client;
    /** @var string[] */
    private $channels;
    /** @var int */
    private $seconds;

    /**
     * @param string|int|float|array $key     what this visitor may hear; answerEvents() takes several, in `more`
     * @param int                    $seconds that a poll waits at most; below the time limits of PHP and of the web server
     */
    public function __construct(Client $client, $key, int $seconds = 25, array $more = [])
    {
        $this->client = $client;
        $this->channels = \array_map([Client::class, 'channel'], \array_merge([$key], \array_values($more)));
        $this->seconds = $seconds;
    }

    /**
     * Answers with the next value: `{"version":…,"value":"…","missing":0}`, or with none: `{"timeout":true,"version":…}`. With
     * `since=VERSION` in the query it is the next behind that one, so who hands back the version of every answer loses none between two
     * polls; `since=0` is the latest; without it, what comes from now on.
     */
    public function answer(): void
    {
        $since = $_GET['since'] ?? null;
        $since = \is_string($since) && \preg_match('/\A\d{1,16}\z/', $since) ? (int) $since : null;
        $next = $this->next($since);
        if ($next !== null) {
            [$value, $version] = $next;
            $object = ['timeout' => true, 'version' => $version];
            if ($value !== null) {
                $object = ['version' => $value->version, 'value' => $value->data, 'missing' => $value->missing];
            }
            $flags = \JSON_HEX_TAG | \JSON_HEX_AMP | \JSON_UNESCAPED_UNICODE | \JSON_INVALID_UTF8_SUBSTITUTE;
            $this->say(200, (string) \json_encode($object, $flags), 'application/json');
        }
    }

    /**
     * Answers as the page does that CometServer's JavaScript helper asks, in XML. Every value comes, one at a time and in order: a cookie
     * says what a browser has had, which its windows share; its first poll already gets one.
     */
    public function answerXml(): void
    {
        $cookie = 'rcomet_' . \substr(\md5($this->channels[0]), 0, 8);
        $had = $_COOKIE[$cookie] ?? null;
        $next = $this->next(\is_string($had) && \preg_match('/\A\d{1,16}\z/', $had) ? (int) $had : null);
        if ($next === null) {
            return;
        }
        [$value, $version] = $next;
        if ((string) $version !== $had) {
            \setcookie($cookie, (string) $version, ['httponly' => true, 'samesite' => 'Lax']);
        }
        $this->say(200, self::xml($value), 'text/xml');
    }

    /**
     * Answers like `GET /events` with `Accept: application/json`, for the JavaScript client: `connect({ url: 'relay.php', transport:
     * 'poll', channels })`. It asks the client's control socket, or the front whose address is given.
     */
    public function answerEvents(?string $front = null): void
    {
        $query = ['channel' => []];
        foreach (\explode('&', (string) ($_SERVER['QUERY_STRING'] ?? '')) as $pair) {
            [$name, $value] = \array_map('urldecode', \explode('=', $pair, 2) + [1 => '']);
            if ($name === 'channel') {
                $query['channel'][] = $value;
            } elseif (\in_array($name, ['cursor', 'history', 'wait'], true)) {
                $query[$name] = $value;
            }
        }
        foreach (\array_diff($query['channel'], $this->channels) as $other) {
            $this->problem(403, 'this page does not relay that channel', ['channel' => $other]);
            return;
        }
        $query['channel'] = $query['channel'] ?: $this->channels;
        $wait = \preg_match('/\A\d{1,6}\z/', $query['wait'] ?? '') ? \min((int) $query['wait'], $this->seconds) : $this->seconds;
        $query['wait'] = $wait;
        try {
            $this->settle();
            [$status, $text] = $this->client->exchange('GET', $front ?? $this->client->address(), '/events', $query, null, 'application/json', $wait);
            $this->say($status, $text, $status === 200 ? 'application/json' : 'application/problem+json');
        } catch (Exception $error) {
            $this->failed($error);
        }
    }

    /** @return array{0: Value|null, 1: int}|null as Client::waitOn(); null when something else has been answered */
    private function next(?int $since): ?array
    {
        try {
            $this->settle();
            return $this->client->waitOn($this->channels[0], $since, (float) $this->seconds);
        } catch (Exception $error) {
            $this->failed($error);
            return null;
        }
    }

    /** Why is for the log: it names places on the server. */
    private function failed(Exception $error): void
    {
        \error_log($error->getMessage());
        $this->problem(502, 'rcomet cannot be reached, or refuses');
    }

    /** A value as CometServer's JavaScript helper reads it. Its `time` is the version, which is another one for each. */
    public static function xml(?Value $value): string
    {
        $part = static function (string $text): string {
            // What XML cannot carry becomes U+FFFD; what is no UTF-8 is left out as a whole.
            $text = \preg_replace('/[^\t\n\r\x{20}-\x{D7FF}\x{E000}-\x{FFFD}\x{10000}-\x{10FFFF}]/u', "\u{FFFD}", $text);
            return '<![CDATA[' . \str_replace(']]>', ']]]]><![CDATA[>', (string) $text) . ']]>';
        };
        $data = $value === null ? '' : $part("value: {$value->data}");
        $time = $value === null ? '' : $part((string) $value->version);
        return "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<comet>\n  <data>$data</data>\n  <time>$time</time>\n</comet>\n";
    }

    /** A session is closed, since it would make the visitor's other requests wait for this one; a poll may take its time. */
    private function settle(): void
    {
        if (\session_status() === \PHP_SESSION_ACTIVE) {
            \session_write_close();
        }
        if (\function_exists('set_time_limit')) {
            @\set_time_limit($this->seconds + 30);
        }
    }

    private function say(int $status, string $text, string $type): void
    {
        \http_response_code($status);
        \header("Content-Type: $type; charset=utf-8");
        \header('Cache-Control: no-store');
        echo $text;
    }

    private function problem(int $status, string $detail, array $more = []): void
    {
        $object = ['type' => 'about:blank', 'status' => $status, 'detail' => $detail] + $more;
        $this->say($status, (string) \json_encode($object, JSON_INVALID_UTF8_SUBSTITUTE), 'application/problem+json');
    }
}
