<?php
/**
 * A class that does as CometServer's own is described: it runs a command by passthru(), as one string in which the program and its
 * options stand as they were given, and takes what is printed without the space around it. Written anew from the description of what
 * that class does; the original is not here.
 */

declare(strict_types=1);

final class Original
{
    /** @var string */
    private $command;
    /** @var string */
    private $key;

    public function __construct(array $options, $key)
    {
        $this->command = $options['cometSrv'];
        $this->key = self::clean($key);
    }

    private static function clean($key): string
    {
        if (\is_array($key)) {
            return \urlencode(\serialize(\array_map('urlencode', $key)));
        }
        return \is_string($key) ? \urlencode($key) : (string) $key;
    }

    private function run(string $words): string
    {
        \ob_start();
        \passthru("{$this->command} $words 2>&1");
        return \trim((string) \ob_get_clean());
    }

    public function write(string $value): string
    {
        $said = $this->run("write {$this->key} \"" . \urlencode($value) . '"');
        $this->refresh();
        return $said;
    }

    /** The time alone is written anew, by which whoever waits sees that the value has been said once more. */
    public function refresh(): void
    {
        $this->run("write {$this->key}-time " . \sprintf('%.6F', \microtime(true)));
    }

    public function readOnce(): string
    {
        return \urldecode($this->run("read {$this->key}"));
    }

    private function state(): string
    {
        return $this->run("read {$this->key}") . ' ' . $this->run("read {$this->key}-time");
    }

    /** Until something is other than it was when the call began. */
    public function read(float $seconds): string
    {
        $until = \microtime(true) + $seconds;
        for ($before = $this->state(); $this->state() === $before && \microtime(true) < $until;) {
            \usleep(50000);
        }
        return $this->readOnce();
    }
}
