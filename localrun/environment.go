package main

import (
	"fmt"
	"os"
	"strings"
)

// fromEnvironment returns the secret in the variable that an option names. Where it is not there, the error repeats what
// was given only if it has the form of such a name (POSIX.1-2017 §8.1): it may be the secret itself, in the place of its
// name, and standard error is kept in the logs of jobs.
func fromEnvironment(option, name string) (string, error) {
	if text := os.Getenv(name); text != "" {
		return text, nil
	}
	if strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") != "" {
		return "", fmt.Errorf("%s is the name of an environment variable, in capitals, and there is none of what it was given", option)
	}
	return "", fmt.Errorf("the environment variable %s is empty or not there", name)
}
