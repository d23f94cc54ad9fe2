package contender

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/holdfast-go/holdfast/bench/row"
	"github.com/redis/go-redis/v9"
)

// redisServer is a real server of our own, that flushes before it answers. It
// shares a flush among the clients that wait; the client is go-redis as it
// comes, with a connection for each writer.
type redisServer struct {
	threads int
	socket  string // directory of it: its name must be short
	server  *exec.Cmd
	client  *redis.Client
}

func (c *redisServer) Open(dir string) error {
	program, err := exec.LookPath("redis-server")
	if err != nil {
		return missing("redis-server is not installed")
	}
	if c.socket, err = os.MkdirTemp("", "hf"); err != nil {
		return err
	}
	socket := filepath.Join(c.socket, "s")
	c.server = exec.Command(program, "--port", "0", "--unixsocket", socket, "--dir", dir, "--daemonize", "no",
		"--appendonly", "yes", "--appendfsync", "always", "--save", "", "--logfile", filepath.Join(c.socket, "log"))
	if err := c.server.Start(); err != nil {
		c.server = nil
		return errors.Join(err, c.Close())
	}
	if err := c.awaitSocket(socket); err != nil {
		return errors.Join(err, c.Close())
	}
	c.client = redis.NewClient(&redis.Options{Network: "unix", Addr: socket, PoolSize: max(c.threads, 16), MaxRetries: -1,
		ReadTimeout: 30 * time.Second, WriteTimeout: 30 * time.Second})
	// It listens before it has loaded what it keeps.
	if err := c.await(func() error { return c.client.Ping(context.Background()).Err() }); err != nil {
		return errors.Join(err, c.Close())
	}
	return nil
}

// awaitSocket waits until the server listens. The client is not used for it:
// between its tries it would sleep for longer than a start takes.
func (c *redisServer) awaitSocket(socket string) error {
	return c.await(func() error {
		conn, err := net.Dial("unix", socket)
		if err == nil {
			err = conn.Close()
		}
		return err
	})
}

// await tries something every millisecond, for a minute.
func (c *redisServer) await(try func() error) error {
	var err error
	for range 60_000 {
		if err = try(); err == nil {
			return nil
		}
		time.Sleep(time.Millisecond)
	}
	log, _ := os.ReadFile(filepath.Join(c.socket, "log"))
	return fmt.Errorf("redis-server does not answer: %w\n%s", err, log)
}

func (c *redisServer) Put(key string, value []byte) error {
	return c.client.Set(context.Background(), key, value, 0).Err()
}

func (c *redisServer) Get(key string) ([]byte, error) {
	return c.client.Get(context.Background(), key).Bytes()
}

const redisChunk = 1000

func (c *redisServer) Load(n int, value func(i int) []byte) error {
	ctx := context.Background()
	for from := 0; from < n; from += redisChunk {
		_, err := c.client.Pipelined(ctx, func(p redis.Pipeliner) error {
			for i := from; i < min(n, from+redisChunk); i++ {
				p.Set(ctx, row.Key(i), slices.Clone(value(i)), 0)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *redisServer) All(each func(key string, r *row.Row)) error {
	ctx := context.Background()
	seen := map[string]bool{} // SCAN may name a key twice
	for cursor := uint64(0); ; {
		keys, next, err := c.client.Scan(ctx, cursor, "", redisChunk).Result()
		if err != nil {
			return err
		}
		keys = slices.DeleteFunc(keys, func(key string) bool { return seen[key] })
		if err := c.some(ctx, keys, each); err != nil {
			return err
		}
		for _, key := range keys {
			seen[key] = true
		}
		if cursor = next; cursor == 0 {
			return nil
		}
	}
}

func (c *redisServer) some(ctx context.Context, keys []string, each func(key string, r *row.Row)) error {
	if len(keys) == 0 {
		return nil
	}
	values, err := c.client.MGet(ctx, keys...).Result()
	if err != nil {
		return err
	}
	for i, v := range values {
		text, _ := v.(string)
		r, err := row.Parse([]byte(text))
		if err != nil {
			return err
		}
		each(keys[i], &r)
	}
	return nil
}

// Close ends the server by its own process id.
func (c *redisServer) Close() error {
	var err error
	if c.client != nil {
		err = c.client.Close()
	}
	if c.server != nil {
		if c.server.Process.Signal(syscall.SIGTERM) != nil {
			c.server.Process.Kill()
		}
		err = errors.Join(err, ignoreExit(c.server.Wait()))
	}
	return errors.Join(err, os.RemoveAll(c.socket))
}

// ignoreExit drops what a server says of having been told to end.
func ignoreExit(err error) error {
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) && strings.HasPrefix(exit.Error(), "signal:") {
		return nil
	}
	return err
}
