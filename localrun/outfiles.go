package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// outFile is a file that a command makes.
type outFile struct {
	Name    string // within the folder
	What    string // what it is, for people
	Private bool   // for its owner's eyes alone
	Content []byte
}

func (f outFile) mode() fs.FileMode {
	if f.Private {
		return 0o600
	}
	return 0o644
}

// writeFiles writes files into folder, which is made where it is not there. Unless overwrite is set, one file that
// exists already stops it before any is written: half a new key pair beside half an old one would be worse than none.
func writeFiles(folder string, overwrite bool, files []outFile) error {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	for _, file := range files {
		path := filepath.Join(folder, file.Name)
		if _, err := os.Lstat(path); !overwrite && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%s exists already; -force replaces it, and what was in it is lost", path)
		}
	}
	for _, file := range files {
		path := filepath.Join(folder, file.Name)
		write := createFile
		if overwrite {
			write = replaceFile
		}
		if err := write(path, file.Content, file.mode()); err != nil {
			return err
		}
	}
	return nil
}

// createFile writes a file that must not exist, so that its mode is the one given here and never an older file's.
func createFile(path string, content []byte, mode fs.FileMode) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	if err := fill(file, content); err != nil {
		_ = os.Remove(path) // half a key is none
		return err
	}
	return nil
}

// replaceFile puts a whole new file in the place of an old one: a disk that is full leaves the old one there, and the
// old one's mode does not outlive it.
func replaceFile(path string, content []byte, mode fs.FileMode) error {
	file, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return err
	}
	err = file.Chmod(mode)
	if err == nil {
		err = fill(file, content)
	}
	if err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		_ = file.Close()
		_ = os.Remove(file.Name())
	}
	return err
}

func fill(file *os.File, content []byte) error {
	_, err := file.Write(content)
	return errors.Join(err, file.Close())
}
