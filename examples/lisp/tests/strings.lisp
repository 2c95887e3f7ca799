; Strings, characters, symbols, ports of strings.
(print (string-append "foo" "" "bar") " " (string-length "hello") " " (substring "hello" 1 3))
(write (list (string->list "abc") (list->string (list #\x #\y)) (string-ref "abc" 1)))
(newline)
(print (map string->number '("42" "-7" "x1" "")) " " (number->string -305))
(print (sort '("pear" "apple" "fig" "app") string<?))
(define s (make-string 3 #\a))
(string-set! s 1 #\b)
(print s " " (string=? s "aba"))
(print (eq? (string->symbol "one") 'one) " " (symbol->string 'two))

; A large string by doubling, and by a string port, both through many collections.
(define (repeat s n) (if (= n 0) "" (string-append s (repeat s (- n 1)))))
(define (double s n) (if (= n 0) s (double (string-append s s) (- n 1))))
(print (string-length (double "0123456789" 15)))
(define port (open-output-string))
(for-each (lambda (i) (display i port) (display "," port)) (iota 20000))
(print (string-length (get-output-string port)))
(print (substring (get-output-string port) 0 20))
(print (string-length (repeat "ab" 500)))

; Reading what was written.
(define text (with-output-to-string (lambda (p) (write '(1 "two" #\3 (four . 5) #(6 7)) p))))
(print text)
(print (equal? (read (open-input-string text)) '(1 "two" #\3 (four . 5) #(6 7))))
(define in (open-input-string "line one\nline two\n\nlast"))
(let loop ((l (read-line in)) (n 0))
  (if (eof-object? l)
      (print n " lines")
      (begin (write l) (newline) (loop (read-line in) (+ n 1)))))

; Many short strings, which share slots; each keeps its own bytes.
(define small (map (lambda (i) (number->string i)) (iota 10000)))
(gc)
(print (equal? (map string->number small) (iota 10000)))
