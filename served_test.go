package countersign

import (
	"context"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"github.com/GoogleCloudPlatform/functions-framework-go/funcframework"
)

// A function under test is a process of its own. It is this test binary once more, or, in a rehearsal, the program that
// was built of the upload, which this binary then keeps.

const (
	// serveVariable tells this test binary to be a function instead of testing one. The rest of the environment is what
	// the platform sets: FUNCTION_TARGET, COUNTERSIGN_CONFIG and so on, there from the start of the process, before any
	// init.
	serveVariable = "COUNTERSIGN_TEST_SERVES_A_FUNCTION"
	// keepVariable tells it to keep a function that was built: its arguments are the program and the environment of that.
	keepVariable = "COUNTERSIGN_TEST_KEEPS_A_FUNCTION"
	// builtVariable is the folder with the program that the tests are about, where a rehearsal has built one.
	builtVariable = "COUNTERSIGN_TEST_BUILT"
)

var rehearse = flag.Bool("rehearse", false, "build the upload as Google's source builder does, and test what comes of it")

func TestMain(m *testing.M) {
	switch {
	case os.Getenv(serveVariable) != "":
		fmt.Fprintln(os.Stderr, serveFunction())
		os.Exit(1)
	case os.Getenv(keepVariable) != "":
		os.Exit(keepFunction(os.Args[1], os.Args[2:]))
	}
	flag.Parse()
	if *rehearse {
		os.Exit(rehearsal(m))
	}
	os.Exit(m.Run())
}

// attempts are how many ports are tried, for another process can be faster.
const attempts = 20

// serveFunction is what the main does that Google's builder writes, on loopback. It names each port on standard output
// before it tries to listen there, and ends with its parent, however that ends.
func serveFunction() error {
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	var err error
	for range attempts {
		port := strconv.Itoa(freePort())
		fmt.Println(port)
		err = funcframework.StartHostPort("127.0.0.1", port) // it returns only where it cannot listen
	}
	return err
}

// keepFunction runs a program that knows its port from the environment alone and ends for nobody, and is to its parent
// what serveFunction is. It returns the status that the program ends with by itself.
func keepFunction(program string, environment []string) (status int) {
	wanted, end := context.WithCancel(context.Background())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		end()
	}()
	for range attempts {
		port := freePort()
		fmt.Println(port)
		cmd := exec.CommandContext(wanted, program)
		cmd.Env = slices.Concat(environment, []string{"PORT=" + strconv.Itoa(port)})
		cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr // the platform keeps both in one log
		err := cmd.Run()
		if wanted.Err() != nil {
			return 0
		}
		if cmd.ProcessState == nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		if isFree(port) { // so the port was not why it ended
			return cmd.ProcessState.ExitCode()
		}
	}
	return 1
}

// freePort returns a port on which nobody listens. It is below those that systems hand out by themselves (49152 and up,
// on Linux 32768), so that nobody gets it by chance before it is used.
func freePort() int {
	for {
		if port := 20000 + rand.IntN(12000); isFree(port) {
			return port
		}
	}
}

func isFree(port int) bool {
	listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return false
	}
	_ = listener.Close()
	return true
}

// command returns the function under test as a process, with nothing in its environment but what is given and what the
// platform sets itself.
func command(ctx context.Context, t *testing.T, environment ...string) *exec.Cmd {
	t.Helper()
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	environment = slices.Concat(platform(environment), environment)
	// The race detector would wait for a second at the end of each process.
	race := "GORACE=atexit_sleep_ms=0 " + os.Getenv("GORACE")
	if built := os.Getenv(builtVariable); built != "" {
		cmd := exec.CommandContext(ctx, binary, slices.Insert(environment, 0, filepath.Join(built, builtProgram))...)
		cmd.Env = []string{keepVariable + "=1", race}
		return cmd
	}
	cmd := exec.CommandContext(ctx, binary)
	cmd.Env = slices.Concat([]string{serveVariable + "=1", race}, environment)
	return cmd
}

// platform is what Cloud Run and the builder set besides FUNCTION_TARGET and PORT, and CLOUD_RUN_TIMEOUT_SECONDS, which
// the framework reads. GOOGLE_CLOUD_PROJECT is none of it.
func platform(environment []string) []string {
	signature := "http"
	if slices.Contains(environment, "FUNCTION_TARGET="+rotateKeysTarget) {
		signature = "cloudevent"
	}
	return []string{
		"FUNCTION_SIGNATURE_TYPE=" + signature,
		"K_SERVICE=countersign", "K_CONFIGURATION=countersign", "K_REVISION=countersign-00001-abc",
		"CLOUD_RUN_TIMEOUT_SECONDS=60",
	}
}

// workspace is the folder in which the platform starts the function under test: of this binary, any.
func workspace() string {
	if built := os.Getenv(builtVariable); built != "" {
		return filepath.Join(built, builtWorkspace)
	}
	return ""
}
