package countersign

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/google/go-cmp/cmp"
)

// What is uploaded of a checkout, and what must not be.

// upload lists what gcloud uploads of a folder: everything that its .gcloudignore does not name, whether git tracks it or
// not. The patterns are those of gitignore, so git reads them, for a repository of its own that tracks nothing.
func upload(folder string) (files []string, err error) {
	repository, err := os.MkdirTemp("", "countersign-upload")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(repository) }()
	if _, err := run(folder, "git", "init", "--quiet", "--bare", repository); err != nil {
		return nil, err
	}
	listed, err := run(folder, "git", "--git-dir="+repository, "--work-tree=.", "ls-files", "-z", "--others", "--exclude-from=.gcloudignore")
	if err != nil {
		return nil, err
	}
	files = strings.FieldsFunc(listed, func(r rune) bool { return r == 0 })
	slices.Sort(files)
	return files, nil
}

// likeGcloud compares that with what gcloud itself lists.
func likeGcloud(folder string) error {
	settings, err := os.MkdirTemp("", "countersign-gcloud") // nobody's settings, nobody's account
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(settings) }()
	cmd := exec.Command("gcloud", "meta", "list-files-for-upload", ".")
	cmd.Dir = folder
	cmd.Env = append(os.Environ(), "CLOUDSDK_CONFIG="+settings, "CLOUDSDK_CORE_DISABLE_PROMPTS=1",
		"CLOUDSDK_CORE_DISABLE_USAGE_REPORTING=1", "CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK=1")
	listed, err := output(cmd)
	if err != nil {
		return err
	}
	byGcloud := strings.Split(strings.TrimSpace(listed), "\n")
	slices.Sort(byGcloud)
	files, err := upload(folder)
	if err != nil {
		return err
	}
	if different := cmp.Diff(files, byGcloud); different != "" {
		return fmt.Errorf("gcloud reads .gcloudignore otherwise (-git +gcloud):\n%s", different)
	}
	return nil
}

// unpack puts the upload of a checkout where the builder puts it, and refuses what must not leave the checkout.
func unpack(checkout, source string) (done string, err error) {
	files, err := upload(checkout)
	if err != nil {
		return "", err
	}
	var size int64
	var besides []string
	for _, name := range files {
		content, err := uploaded(checkout, name)
		if err != nil {
			return "", err
		}
		target := filepath.Join(source, filepath.FromSlash(name))
		if err := errors.Join(os.MkdirAll(filepath.Dir(target), 0o700), os.WriteFile(target, content, 0o600)); err != nil {
			return "", err
		}
		size += int64(len(content))
		if !strings.Contains(name, "/") && !strings.HasSuffix(name, ".go") && name != "go.mod" && name != "go.sum" {
			besides = append(besides, name)
		}
	}
	done = fmt.Sprintf("%d files, %s", len(files), megabytes(size))
	if len(besides) > 0 {
		done += "; besides the source " + strings.Join(besides, ", ")
	}
	return done, nil
}

var (
	// misplaced are files that are of no use to the functions, by their names.
	misplaced = regexp.MustCompile(`_test\.go\z|\A(docs|localrun|terraform)/|(\A|/)(testdata/|\.)`)
	// private keys are in Secret Manager, and nowhere else: PEM, and JWKs with their private or only part.
	private = regexp.MustCompile(`-----BEGIN [A-Z ]*PRIVATE KEY-----|"[dk]"\s*:\s*"[A-Za-z0-9_-]{20,}`)
)

// uploaded returns the content of a file that may be uploaded.
func uploaded(checkout, name string) (content []byte, err error) {
	if misplaced.MatchString(name) {
		return nil, fmt.Errorf("%s has no place in the upload: .gcloudignore must name it", name)
	}
	path := filepath.Join(checkout, filepath.FromSlash(name))
	if info, err := os.Lstat(path); err != nil || info.Mode()&fs.ModeType != 0 {
		return nil, errors.Join(err, fmt.Errorf("%s is no plain file", name))
	}
	content, err = os.ReadFile(path)
	if err == nil && private.Match(content) {
		err = fmt.Errorf("%s holds a private key and would be uploaded", name)
	}
	return content, err
}
