"use client";
/** What a one-time link opens: the first owner's set-up, or an invitation. The secret is read from the address's fragment, which no server sees, and posted. */
import { zodResolver } from "@hookform/resolvers/zod";
import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useEffect, useState } from "react";
import { useForm } from "react-hook-form";
import { z } from "zod";
import { emailAddress, inviteAccept, type inviteAcceptReply, type inviteCheckReply, type setUpReply } from "@/contract/objects.ts";
import { routes } from "@/app/_nav/routes.ts";
import { postJson } from "@/app/_trpc/post.ts";
import { QueryFrame } from "@/app/_trpc/query-frame.tsx";
import { Button, LinkButton } from "@/app/_ui/button.tsx";
import { TextField } from "@/app/_ui/fields.tsx";
import { showProblem } from "@/app/_ui/form.tsx";
import { LoadError, Notice, Skeleton } from "@/app/_ui/notice.tsx";


type Kind = "setup" | "invite";

export function LinkForm({ kind }: { kind: Kind }) {
  return (
    <QueryFrame>
      <Link kind={kind} />
    </QueryFrame>
  );
}

function Link({ kind }: { kind: Kind }) {
  const [secret, setSecret] = useState<string | null>(null);
  // The fragment exists in the browser only; it is taken out of the address bar and the history once read.
  useEffect(() => {
    setSecret((before) => before ?? window.location.hash.slice(1));
  }, []);
  const link = useQuery({
    queryKey: ["one-time-link", secret],
    enabled: secret !== null && secret !== "",
    retry: false,
    queryFn: () => postJson<z.infer<typeof inviteCheckReply>>("/api/invite/check", { secret }),
  });
  const title = kind === "setup" ? "Set up Sallyport" : "Accept the invitation";
  if (secret === "") {
    return (
      <Frame title={title}>
        <Notice tone="warn" title="This address lacks the one-time secret.">
          Open the whole link, up to its last character. {kind === "setup" ? "It was printed when the console started, and stands in the file setup-link of its data directory." : "Ask whoever invited you to send it again."}
        </Notice>
        <LinkButton href={routes.signIn}>Go to sign-in</LinkButton>
      </Frame>
    );
  }
  if (link.error) {
    return (
      <Frame title={title}>
        <LoadError error={link.error} onRetry={() => void link.refetch()} />
        <LinkButton href={routes.signIn}>Go to sign-in</LinkButton>
      </Frame>
    );
  }
  if (!link.data || secret === null) {
    return (
      <Frame title={title}>
        <Skeleton lines={4} />
      </Frame>
    );
  }
  return <AccountForm kind={kind} secret={secret} link={link.data} />;
}

function Frame({ title, children }: { title: string; children: ReactNode }) {
  return (
    <div className="flex flex-col gap-4">
      <h1 className="text-[20px] font-semibold">{title}</h1>
      {children}
    </div>
  );
}

const accountForm = inviteAccept.omit({ secret: true }).extend({ email: emailAddress, repeated: z.string() }).refine((values) => values.password === values.repeated, { path: ["repeated"], error: "the two passwords differ" });

function AccountForm({ kind, secret, link }: { kind: Kind; secret: string; link: z.infer<typeof inviteCheckReply> }) {
  const form = useForm({ resolver: zodResolver(accountForm), defaultValues: { email: link.email ?? "", name: link.name ?? "", password: "", repeated: "" } });
  const { errors, isSubmitting } = form.formState;
  const submit = form.handleSubmit(async ({ email, name, password }) => {
    try {
      const named = name === undefined || name === "" ? {} : { name };
      const account = kind === "setup" ? await postJson<z.infer<typeof setUpReply>>("/api/setup", { secret, email, password, ...named }) : await postJson<z.infer<typeof inviteAcceptReply>>("/api/invite", { secret, password, ...named });
      await postJson("/api/auth/sign-in/email", { email: account.email, password });
      window.location.assign(kind === "setup" ? routes.guide : routes.overview);
    } catch (error) {
      showProblem(form, error);
    }
  });
  return (
    <form noValidate onSubmit={(event) => void submit(event)} className="flex flex-col gap-4">
      <h1 className="text-[20px] font-semibold">{kind === "setup" ? "Set up Sallyport" : `Join ${link.organisationName}`}</h1>
      <p className="text-ink-2">{kind === "setup" ? "You become the owner of this installation. The link works once." : `You join as ${link.role}. Choose the password you will sign in with.`}</p>
      {errors.root?.message && <Notice tone="fault" isAlert title={errors.root.message} />}
      <TextField label="E-mail address" type="email" autoComplete="username" readOnly={link.email !== null} error={errors.email?.message} {...form.register("email")} />
      <TextField label="Your name" autoComplete="name" isOptional error={errors.name?.message} {...form.register("name")} />
      <TextField label="Password" type="password" autoComplete="new-password" hint="At least 12 characters. Length counts, not symbols." error={errors.password?.message} {...form.register("password")} />
      <TextField label="The same password again" type="password" autoComplete="new-password" error={errors.repeated?.message} {...form.register("repeated")} />
      <Button type="submit" look="primary" isBusy={isSubmitting}>
        {kind === "setup" ? "Create the owner" : "Set the password"}
      </Button>
    </form>
  );
}
